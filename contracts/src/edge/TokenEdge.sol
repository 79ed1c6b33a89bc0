// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Errors} from "../libraries/Errors.sol";
import {ISettlement, ITokenEdge} from "../interfaces/Modules.sol";

/// @title The edge where OPEN is an ERC-20: holds the tokens behind the prepaid balances.
contract TokenEdge is ITokenEdge {
    using SafeERC20 for IERC20;

    IERC20 public immutable token;
    ISettlement public immutable settlement;

    constructor(IERC20 token_, ISettlement settlement_) {
        token = token_;
        settlement = settlement_;
    }

    function deposit(uint256 amount) public {
        token.safeTransferFrom(msg.sender, address(this), amount);
        settlement.credit(msg.sender, amount);
    }

    /// @notice Approval by signature and deposit in one transaction. Whoever spends the permit first only spares us the call.
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        deposit(amount);
    }

    /// @notice Deposit for a signer by anyone, on an EIP-3009 authorisation that only its payee, this contract, can use.
    function depositWithAuthorization(
        address from,
        uint256 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        IERC3009(address(token))
            .receiveWithAuthorization(from, address(this), amount, validAfter, validBefore, nonce, v, r, s);
        settlement.credit(from, amount);
    }

    function pay(address to, uint256 amount) external {
        if (msg.sender != address(settlement)) revert Errors.NotAllowed();
        token.safeTransfer(to, amount);
    }
}
