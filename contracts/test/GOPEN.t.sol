// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {GOPEN} from "../src/governance/GOPEN.sol";

contract GOPENTest {
    function test_wraps() external {
        GOPEN g = new GOPEN();
        g.deposit{value: 1 ether}();
        require(g.balanceOf(address(this)) == 1 ether);
        g.withdraw(1 ether);
        require(g.totalSupply() == 0);
    }
    receive() external payable {}
}
