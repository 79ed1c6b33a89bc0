// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {TokenEdge} from "../src/edge/TokenEdge.sol";
import {ISettlement, ITokenEdge} from "../src/interfaces/Modules.sol";
import {Errors} from "../src/libraries/Errors.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Test.sol";

contract OpenToken is ERC20Permit, ERC3009 {
    constructor() ERC20("OPEN", "OPEN") ERC20Permit("OPEN") {
        _mint(msg.sender, 1_000_000 ether);
    }
}

contract EdgeTest is World {
    uint256 constant KEY = 0xA11CE;
    OpenToken token;
    TokenEdge edge;
    address alice;

    function setUp() external {
        vm.warp(100 * 8 days);
        token = new OpenToken();
        // deploy() makes eleven contracts, the probe last; the edge follows.
        address at_ = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 11);
        deploy(ITokenEdge(at_));
        edge = new TokenEdge(IERC20(address(token)), ISettlement(address(settlement)));
        require(address(edge) == at_, "edge");
        alice = vm.addr(KEY);
        token.transfer(alice, 100 ether);
    }

    function sign(bytes32 structHash) internal view returns (uint8 v, bytes32 r, bytes32 s) {
        return vm.sign(KEY, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), structHash)));
    }

    function permit(uint256 amount) internal view returns (uint8, bytes32, bytes32) {
        bytes32 kind = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        return sign(keccak256(abi.encode(kind, alice, address(edge), amount, token.nonces(alice), type(uint256).max)));
    }

    function test_tokens_come_in_by_approval_and_go_out_again() external {
        vm.startPrank(alice);
        token.approve(address(edge), 10 ether);
        edge.deposit(10 ether);
        settlement.withdraw(4 ether, alice);
        vm.assertEq(token.balanceOf(alice), 94 ether);
        vm.assertEq(settlement.balanceOf(alice), token.balanceOf(address(edge)));
        vm.deal(alice, 1 ether);
        vm.expectRevert(Errors.NotAllowed.selector);
        settlement.deposit{value: 1 ether}();
        vm.expectRevert(Errors.NotAllowed.selector);
        edge.pay(alice, 1);
    }

    function test_attack_a_permit_spent_by_somebody_else_first() external {
        (uint8 v, bytes32 r, bytes32 s) = permit(10 ether);
        vm.prank(WATCHER);
        token.permit(alice, address(edge), 10 ether, type(uint256).max, v, r, s);
        vm.prank(alice);
        edge.depositWithPermit(10 ether, type(uint256).max, v, r, s);
        vm.assertEq(settlement.balanceOf(alice), 10 ether);
    }

    function test_attack_a_permit_for_another_chain() external {
        (uint8 v, bytes32 r, bytes32 s) = permit(10 ether);
        vm.chainId(77);
        vm.prank(alice);
        vm.expectRevert();
        edge.depositWithPermit(10 ether, type(uint256).max, v, r, s);
    }

    function test_an_authorisation_pays_in_for_its_signer_whoever_brings_it() external {
        bytes32 kind = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        (uint8 v, bytes32 r, bytes32 s) =
            sign(keccak256(abi.encode(kind, alice, address(edge), 5 ether, 0, type(uint256).max, bytes32("n"))));
        vm.prank(WATCHER);
        edge.depositWithAuthorization(alice, 5 ether, 0, type(uint256).max, "n", v, r, s);
        vm.assertEq(settlement.balanceOf(alice), 5 ether);
        vm.expectRevert();
        edge.depositWithAuthorization(alice, 5 ether, 0, type(uint256).max, "n", v, r, s);
    }
}
